/** Wraps a call. */
export type Around = (run: () => Promise<unknown>) => Promise<unknown>;

/** Returns a proxy that passes calls of these methods through a wrapper. */
export function intercept<T extends object>(target: T, methods: Readonly<Record<string, Around>>): T {
  return new Proxy(target, {
    get(_, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      const around = typeof name === 'string' ? methods[name] : undefined;
      const call = (args: unknown[]) => Reflect.apply(member, target, args);
      return around ? (...args: unknown[]) => around(() => call(args)) : (...args: unknown[]) => call(args);
    },
  });
}
