// Recursion: what a call costs. fib(39), two hundred million calls.
#include <stdio.h>

__attribute__((noinline)) static unsigned fib(unsigned n) {
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

int main(void) {
    volatile unsigned n = 39;
    printf("%u\n", fib(n));
}
