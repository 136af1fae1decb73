// A recursive JSON reader over text that the program writes first: bytes, branches, numbers and escapes.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char text[1 << 20];
static size_t length;
static const char *at;
static uint64_t sum;
static unsigned counts[6];

static void space(void) {
    while (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r') at++;
}

static void string(void) {
    uint32_t hash = 2166136261u;
    for (at++; *at != '"'; at++) {
        unsigned char c = (unsigned char)*at;
        if (c == '\\') {
            c = (unsigned char)*++at;
            if (c == 'n') c = '\n';
            else if (c == 'u') {
                unsigned code = 0;
                for (int i = 0; i < 4; i++) {
                    char d = *++at;
                    code = code * 16 + (unsigned)(d <= '9' ? d - '0' : (d | 32) - 'a' + 10);
                }
                c = (unsigned char)code;
            }
        }
        hash = (hash ^ c) * 16777619u;
    }
    at++;
    sum += hash;
}

static void number(void) {
    int negative = *at == '-';
    double value = 0, scale = 1;
    at += negative;
    for (; *at >= '0' && *at <= '9'; at++) value = value * 10 + (*at - '0');
    if (*at == '.')
        for (at++; *at >= '0' && *at <= '9'; at++) value = value * 10 + (*at - '0'), scale *= 10;
    value = (negative ? -value : value) / scale;
    sum += (uint64_t)(int64_t)(value * 1000);
}

static void value(void) {
    space();
    switch (*at) {
    case '{':
        counts[0]++, at++, space();
        while (*at != '}') {
            string(), space(), at++, value(), space();
            if (*at == ',') at++, space();
        }
        at++;
        break;
    case '[':
        counts[1]++, at++, space();
        while (*at != ']') {
            value(), space();
            if (*at == ',') at++, space();
        }
        at++;
        break;
    case '"': counts[2]++, string(); break;
    case 't': counts[3]++, at += 4; break;
    case 'n': counts[4]++, at += 4; break;
    default: counts[5]++, number(); break;
    }
}

int main(void) {
    length = (size_t)snprintf(text, sizeof text, "[\n");
    for (unsigned i = 0; length < sizeof text - 512; i++)
        length += (size_t)snprintf(text + length, sizeof text - length,
                                   "%s  {\"id\": %u, \"name\": \"user \\u00%02x number %u\", \"score\": -%u.%03u,\n"
                                   "   \"tags\": [\"red\", \"line\\nbreak\", true, null], \"nested\": {\"a\": [1, 2.5, [3]]}}",
                                   i ? ",\n" : "", i, 0x41 + i % 26, i * 7919 % 10007, i % 500, i % 1000);
    strcpy(text + length, "\n]");
    for (int round = 0; round < 120; round++) at = text, value();
    printf("%llu", (unsigned long long)sum);
    for (int i = 0; i < 6; i++) printf(" %u", counts[i]);
    printf("\n");
}
