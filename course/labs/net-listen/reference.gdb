# The model solution. gdb is attached already: ringside gdb -- -batch -x reference.gdb
set pagination off
set confirm off

break sys_listen
# At the console, once the machine runs.
monitor type replyhi
continue

backtrace 8
info args
print backlog

# Let the program go on, and gdb with it.
delete breakpoints
detach
