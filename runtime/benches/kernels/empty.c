// Nothing: what a program costs that only starts and ends.
int main(void) { return 0; }
