// `split.ts`, which ends as after SIGTERM when the program that started it has ended.
import '../split/leash.ts';

await import('../split.ts');
