import { murmur2 } from '../log/murmur2.ts';

/** A key whose events go to the given partition of a topic with `count`. */
export function keyFor(partition: number, count: number): string {
  for (let key = 0; ; key++)
    if ((murmur2(Buffer.from(`key-${key}`)) & 0x7fffffff) % count === partition) return `key-${key}`;
}
