# The model solution. gdb is attached already: ringside gdb -- -batch -x reference.gdb
set pagination off
set confirm off

# The C library's wrapper.
eval "add-symbol-file %s", $program_menuos
break listen
monitor type replyhi
continue
backtrace 3
x/9i $pc
print $rsi
delete

# Before the instruction `syscall`, which is 0f 05.
while *(unsigned short *)$pc != 0x050f
  stepi
end
set $behind = $pc + 2
info registers rax rdi rsi rip

# The kernel's first instruction, the handler, and the way back.
tbreak *entry_SYSCALL_64 if $rax == 50
continue
x/3i $pc
info registers rax rdi rsi rcx rsp
tbreak sys_listen
continue
info args
backtrace 8
tbreak *$behind
continue
x/3i $pc
info registers rax

# A call that fails: socketpair of AF_INET, the second one of `pair`.
monitor type pair
tbreak socketpair if $edi == 2
continue
info registers rdi
while *(unsigned short *)$pc != 0x050f
  stepi
end
set $behind = $pc + 2
tbreak sock_no_socketpair
continue
tbreak *$behind
continue
info registers rax
# From -95 to 95, and then to -1.
while $eax != 95
  stepi
end
x/2i $pc
while $rax != -1
  stepi
end
info registers rax

monitor answer number 50
monitor answer limit -4095
monitor answer errno 95

delete
detach
