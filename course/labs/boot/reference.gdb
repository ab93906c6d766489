# The model solution. gdb is attached already, at power-on: ringside gdb -- -batch -x reference.gdb
set pagination off
set confirm off

# The first instruction, as the firmware has it: jmp f000:e05b
x/5xb 0xfffffff0
monitor answer vector f000:e05b

break start_kernel
continue
backtrace 4
x/s boot_command_line

break setup_arch
continue
break sched_init
continue
break rest_init
continue
backtrace 4

# Process 1 is made here; its function is kernel_init.
tbreak user_mode_thread
continue
info args
finish
monitor answer pid 1

break kernel_init
continue
backtrace 4

# It becomes the program /init.
break start_thread
continue
backtrace 10
print/x new_ip
eval "monitor answer entry 0x%lx", new_ip
tbreak *new_ip
continue
print $cs & 3

# The menu waits for keys once it has written its prompt, and reads the line once there is one.
delete breakpoints
tbreak sys_poll
continue
monitor type help
tbreak n_tty_read
continue
backtrace 4
detach
