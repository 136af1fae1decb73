// malloc and free of many sizes and lives, and short lists. The native libc's allocator is another one.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct Node {
    struct Node *next;
    uint32_t value;
} Node;

static void *slots[4096];

int main(void) {
    uint32_t x = 7, sum = 0;
    for (int i = 0; i < 4000000; i++) {
        x = x * 1664525 + 1013904223;
        unsigned slot = x >> 20;
        if (slots[slot]) sum += *(uint32_t *)slots[slot], free(slots[slot]);
        uint32_t *p = malloc(8 + (x >> 8) % 500);
        if (!p) return 1;
        *p = x, slots[slot] = p;
    }
    for (int round = 0; round < 200; round++) {
        Node *head = NULL;
        for (uint32_t i = 0; i < 10000; i++) {
            Node *node = malloc(sizeof *node);
            if (!node) return 1;
            *node = (Node){head, i * (uint32_t)round}, head = node;
        }
        while (head) {
            Node *next = head->next;
            sum += head->value, free(head), head = next;
        }
    }
    printf("%08x\n", sum);
}
