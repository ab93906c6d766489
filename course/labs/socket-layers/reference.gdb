# The model solution. gdb is attached already: ringside gdb -- -batch -x reference.gdb
set pagination off
set confirm off
set print pretty on

# socket: the family makes it, and gives it its table of operations.
break sys_socket
break inet_create
monitor type replyhi
continue
info args
delete 1
continue
delete 2
backtrace 5
finish
print sock->ops
print *sock->ops

# bind: IPv4, then TCP, which takes the port.
tbreak sys_bind
continue
tbreak inet_bind
continue
print sock->ops->bind
tbreak inet_csk_get_port
continue
backtrace 4
print snum
print sk->__sk_common.skc_prot
print sk->__sk_common.skc_prot->get_port

# listen.
tbreak sys_listen
continue
info args
tbreak inet_listen
continue
print sock->ops->listen
tbreak inet_csk_listen_start
continue
backtrace 4
print sk->sk_max_ack_backlog

# accept.
tbreak sys_accept4
continue
tbreak inet_accept
continue
print sock->ops->accept
tbreak inet_csk_accept
continue
backtrace 4

# Two socketpairs: unix sockets have it, TCP sockets say no.
monitor type pair
tbreak sys_socketpair
continue
info args
tbreak unix_socketpair
continue
backtrace 3
print socka->ops
print socka->ops->socketpair
tbreak sock_no_socketpair
continue
backtrace 3
print sock1->ops
finish

monitor answer ops inet_stream_ops
monitor answer prot tcp_prot
monitor answer error 95

delete
detach
