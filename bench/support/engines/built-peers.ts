import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A peer in another language, from its own folder in `bench/peers`. */
export interface BuiltPeer {
  readonly name: string;
  /** The command that builds it. */
  readonly command: string;
}

/** The peers that are programs of their own, by the file in `bench/peers` that becomes the program. */
export const builtPeers = {
  'grpc-go-users': { name: 'grpc-go', command: 'make deps-peers' },
  'tonic-users': { name: 'tonic', command: 'make deps-rust' },
  'pajamax-users': { name: 'pajamax, unary calls only', command: 'make deps-rust' },
} satisfies Readonly<Record<string, BuiltPeer>>;

export type BuiltProgram = keyof typeof builtPeers;

/** Whether the program is built. */
export function isBuilt(program: BuiltProgram): boolean {
  return existsSync(pathOf(program));
}

/** Replaces this process with the program, so the program has the process id that is measured. */
export function becomeProgram(program: BuiltProgram, environment: Readonly<Record<string, string>> = {}): void {
  process.execve?.(pathOf(program), [program], { ...process.env, ...environment });
}

function pathOf(program: string): string {
  return fileURLToPath(new URL(`../../../.tools/bin/${program}`, import.meta.url));
}
