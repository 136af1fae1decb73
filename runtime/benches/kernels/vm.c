// A bytecode interpreter: one large switch in a loop, over a program that counts primes by trial division.
#include <stdint.h>
#include <stdio.h>

enum { PUSH, LOAD, STORE, ADD, SUB, MUL, REM, LESS, EQUAL, JUMP, JUMPZ, DUP, DROP, HALT };

static const int16_t program[] = {
    PUSH, 2, STORE, 0,                               // 0: n = 2
    LOAD, 0, PUSH, 30000, LESS, JUMPZ, 56,           // 4: while n < 30000
    PUSH, 2, STORE, 1,                               // 11: d = 2
    LOAD, 1, DUP, MUL, LOAD, 0, PUSH, 1, ADD, LESS, JUMPZ, 43, // 15: while d * d < n + 1
    LOAD, 0, LOAD, 1, REM, JUMPZ, 49,                // 27: if n % d == 0, next n
    LOAD, 1, PUSH, 1, ADD, STORE, 1, JUMP, 15,       // 34: d++
    LOAD, 2, PUSH, 1, ADD, STORE /* 2 */,            // 43: count++, falls into the operand below
};

int main(void) {
    // The tail is laid down here, so that jump targets above are easy to check.
    int16_t code[128];
    int at = 0;
    for (unsigned i = 0; i < sizeof program / sizeof program[0]; i++) code[at++] = program[i];
    int16_t tail[] = {2, LOAD, 0, PUSH, 1, ADD, STORE, 0, JUMP, 4};
    // STORE's operand takes place 49, so the next n begins at 50 and the end after it.
    for (unsigned i = 0; i < sizeof tail / sizeof tail[0]; i++) code[at++] = tail[i];
    code[32] = JUMPZ, code[33] = 50, code[10] = (int16_t)at;
    code[at++] = HALT;
    uint64_t sum = 0, turns = 0;
    for (int round = 0; round < 20; round++) {
        int32_t stack[32], locals[4] = {0, 0, 0, 0};
        int32_t *top = stack;
        const int16_t *pc = code;
        for (int going = 1; going; turns++) {
            switch (*pc++) {
            case PUSH: *top++ = *pc++; break;
            case LOAD: *top++ = locals[*pc++ & 3]; break;
            case STORE: locals[*pc++ & 3] = *--top; break;
            case ADD: top--, top[-1] += top[0]; break;
            case SUB: top--, top[-1] -= top[0]; break;
            case MUL: top--, top[-1] *= top[0]; break;
            case REM: top--, top[-1] %= top[0]; break;
            case LESS: top--, top[-1] = top[-1] < top[0]; break;
            case EQUAL: top--, top[-1] = top[-1] == top[0]; break;
            case JUMP: pc = code + *pc; break;
            case JUMPZ: pc = *--top ? pc + 1 : code + *pc; break;
            case DUP: *top = top[-1], top++; break;
            case DROP: top--; break;
            default: going = 0; break;
            }
        }
        sum += (uint32_t)locals[2];
    }
    printf("%llu %llu\n", (unsigned long long)sum, (unsigned long long)turns);
}
