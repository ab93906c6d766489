# The model solution. gdb is attached already: ringside gdb -- -batch -x reference.gdb
set pagination off
set confirm off

# The C library's wrapper.
eval "add-symbol-file %s", $program_menuos
break listen
monitor type replyhi
continue
backtrace 3
x/22i $pc
x/3dw $esp
delete

# Before `call *%gs:0x10`, which is 65 ff 15 and an address: the way to the vDSO.
while *(unsigned short *)$pc != 0xff65
  stepi
end
set $behind = $pc + 7
set $arguments = $ecx
info registers eax ebx ecx eip
x/2dw $ecx

# In the vDSO, before `sysenter`, which is 0f 34.
while *(unsigned short *)$pc != 0x340f
  stepi
end
x/3i $pc

# The kernel's first instruction, the handler, and the way back.
tbreak entry_SYSENTER_32 if $eax == 102 && $ebx == 4
continue
x/3i $pc
info registers eax ebx ecx ebp
tbreak __sys_listen
continue
info args
backtrace
tbreak *$behind
continue
x/3i $pc
info registers eax

# A call that fails: socketpair of AF_INET, the second one of `pair`.
monitor type pair
tbreak socketpair if *(int *)($esp + 4) == 2
continue
x/5dw $esp
while *(unsigned short *)$pc != 0xff65
  stepi
end
set $behind = $pc + 7
tbreak sock_no_socketpair
continue
tbreak *$behind
continue
info registers eax
# From -95 to 95, and then to -1.
while $eax != 95
  stepi
end
x/2i $pc
while $eax != -1
  stepi
end
info registers eax

monitor answer number 102
eval "monitor answer arguments 0x%x", $arguments
monitor answer limit -4095

delete
detach
