import type { Engine } from './engine.ts';

/** The engines there are. Each is loaded when it is chosen. */
const engines = {
  'grpc-js': async () => (await import('./grpc-js/engine.ts')).grpcJsEngine,
  native: async () => (await import('./native/engine.ts')).nativeEngine,
} satisfies Readonly<Record<string, () => Promise<Engine>>>;

export type EngineName = keyof typeof engines;

/** The engine of a mesh that names none. */
export const defaultEngine: EngineName = 'native';

/** The names that `engineByName` takes. */
export const engineNames = Object.keys(engines) as readonly EngineName[];

/** The engine of a name, loaded at the first call. */
export function engineByName(name: EngineName): Promise<Engine> {
  return engines[name]();
}
