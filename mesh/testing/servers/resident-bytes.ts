import { readFileSync } from 'node:fs';

const pageBytes = 4_096;

/** Returns the resident memory of a process, in bytes. Linux only. */
export function residentBytes(pid: number): number {
  const pages = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1];
  return Number(pages) * pageBytes;
}
