# The model solution. gdb is attached already; `replyhi` is typed at the console once it says "Continuing.":
#   ringside gdb -- -batch -x reference.gdb
set pagination off
set confirm off

break sys_listen
continue

backtrace 8
info args
print backlog

# Let the program go on, and gdb with it.
delete breakpoints
detach
