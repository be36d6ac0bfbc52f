import type { Engine } from './engine.ts';

/** Each engine is loaded when it is chosen. */
const engines = {
  'grpc-js': async () => (await import('./grpc-js/engine.ts')).grpcJsEngine,
  native: async () => (await import('./native/engine.ts')).nativeEngine,
} satisfies Readonly<Record<string, () => Promise<Engine>>>;

export type EngineName = keyof typeof engines;

export const defaultEngine: EngineName = 'native';

export const engineNames = Object.keys(engines) as readonly EngineName[];

/** Returns an engine, and loads it at the first call. */
export function engineByName(name: EngineName): Promise<Engine> {
  return engines[name]();
}
