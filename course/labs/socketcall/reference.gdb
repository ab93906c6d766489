# The model solution. gdb is attached already: ringside gdb -- -batch -x reference.gdb
set pagination off
set confirm off

# The first two stay in, and silent; the third stops for every call, of which the script wants some.
break sys_bind
break sys_listen
break sys_socketcall
monitor type replyhi
continue
delete 3

# 1 is socket. The program's registers are in regs, the arguments in the program's memory.
backtrace 3
print regs->orig_ax
print regs->bx
x/3xw regs->cx
tbreak __sys_socket
continue
info args

# 2 is bind.
tbreak sys_socketcall if regs->bx == 2
continue
print *(struct sockaddr_in *)((int *)regs->cx)[1]
tbreak __sys_bind
tbreak inet_csk_get_port
continue
backtrace 3
continue
print snum

# 4 is listen.
tbreak sys_socketcall if regs->bx == 4
continue
tbreak __sys_listen
continue
info args

# 5 is accept.
tbreak sys_socketcall if regs->bx == 5
continue
tbreak __sys_accept4
continue

# The client: 3 is connect.
monitor type hello
tbreak sys_socketcall if regs->bx == 3
continue

# 9 is send and 10 is recv: client and service come to them in no certain order.
tbreak sys_socketcall if regs->bx == 9
tbreak sys_socketcall if regs->bx == 10
tbreak __sys_sendto
tbreak __sys_recvfrom
continue
continue
continue
continue

# What the service answers: its socket for this client is 4.
tbreak __sys_sendto if fd == 4
continue
x/s buff

monitor answer number 102
monitor answer listen 4
eval "monitor answer payload %s", $my_payload

delete
detach
