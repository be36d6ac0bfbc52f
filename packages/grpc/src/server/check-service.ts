import type { ServiceDefinition } from '../definitions/method-definition.ts';

/** Throws a TypeError that names all methods for which an implementation has no function. */
export function checkHandlers(definition: ServiceDefinition, implementation: unknown): void {
  const handlers = Object(implementation);
  const missing = Object.entries(definition).filter(([name]) => typeof Reflect.get(handlers, name) !== 'function');
  if (missing.length === 0) return;
  const methods = missing.map(([, { path }]) => path.slice(1)).join(', ');
  const names = missing.map(([name]) => name).join(', ');
  const [has, functions] = missing.length === 1 ? ['has', 'a function'] : ['have', 'functions'];
  throw new TypeError(`${methods} ${has} no handler: pass ${functions} ${names} to add()`);
}
