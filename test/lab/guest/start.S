/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Entry of the guest. A Multiboot loader (QEMU's -kernel does it for an ELF32) jumps here in 32-bit
 * protected mode, paging and interrupts off: eax holds the Multiboot magic number, ebx the address
 * of the Multiboot information. Loads its own segments and stack, then calls guest_main(eax, ebx).
 */
        .section .multiboot, "a"
        .align 4
        .long 0x1badb002                /* magic */
        .long 0                         /* no flags: nothing wanted but to be started */
        .long -(0x1badb002)             /* makes the three words sum to zero */

        .text
        .globl start
start:
        cli
        mov $stack_top, %esp
        lgdt gdt_pointer
        ljmp $0x08, $1f
1:      mov $0x10, %cx
        mov %cx, %ds
        mov %cx, %es
        mov %cx, %fs
        mov %cx, %gs
        mov %cx, %ss
        push %ebx
        push %eax
        call guest_main
2:      cli
        hlt
        jmp 2b

/* The timer: count, acknowledge to the first controller (non-specific end of interrupt). */
        .globl interrupt_timer
interrupt_timer:
        push %eax
        incl timer_ticks
        mov $0x20, %al
        out %al, $0x20
        pop %eax
        iret

/* Any other: all other lines are masked, so at most a spurious one, which wants no answer. */
        .globl interrupt_ignore
interrupt_ignore:
        iret

        .section .rodata
        .align 8
gdt:    .quad 0
        .quad 0x00cf9a000000ffff        /* 0x08: code, all 4 GiB */
        .quad 0x00cf92000000ffff        /* 0x10: data, all 4 GiB */
gdt_pointer:
        .word 23
        .long gdt

        .bss
        .align 16
        .skip 16384
stack_top:
