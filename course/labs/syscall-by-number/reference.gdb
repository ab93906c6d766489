# The model solution. gdb is attached already: ringside gdb -- -batch -x reference.gdb
set pagination off
set confirm off

# Into the kernel by `syscall`.
eval "add-symbol-file %s", $program_trigger
break by_syscall
# At the console, once the machine runs.
monitor type syscall
continue

# Up to the instruction itself: 0f 05.
while *(unsigned short *) $pc != 0x050f
  stepi
end
info registers rax rdi rsi rdx rsp
stepi
# entry_SYSCALL_64: the program's registers, its stack, and the kernel's rights.
info registers rax rdi rsi rdx rsp cs
# swapgs, the program's stack pointer put away, the kernel's own loaded.
stepi
stepi
stepi
# Before pt_regs is built.
x/6gx $rsp - 48

# pt_regs stands, then the handler runs.
break do_syscall_64
eval "break %s", $my_handler
continue
print/x *regs
set $saved = regs
continue
backtrace 6
x/21gx $saved

# The way back, of this call and no other: orig_ax is 120 bytes into pt_regs.
delete breakpoints
break syscall_return_via_sysret if *(long *) ($rsp + 120) == $my_number
continue
x/21gx $rsp
delete breakpoints
while ($cs & 3) == 0
  stepi
end
info registers rax rdi rsi rdx rsp cs
eval "monitor answer returned %ld", $rax

# The same call by `int $0x80`: cd 80.
break by_int80
monitor type syscall-int80
continue
while *(unsigned short *) $pc != 0x80cd
  stepi
end
stepi
info registers rax rbx rcx rdx rsp cs
eval "break %s", $my_handler32
continue
backtrace 6
delete breakpoints
break swapgs_restore_regs_and_return_to_usermode if *(long *) ($rsp + 120) == $my_number32
continue
delete breakpoints
while ($cs & 3) == 0
  stepi
end
info registers rax rbx rcx rdx cs

detach
