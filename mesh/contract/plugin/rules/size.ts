/** A number with its noun: `1 byte`, `2 bytes`. */
export function counted(count: bigint, noun: string): string {
  return `${count} ${noun}${count === 1n ? '' : 's'}`;
}
