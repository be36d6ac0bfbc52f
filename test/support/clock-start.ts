/** The setting that holds what the clock of a process shows when it starts, in milliseconds since the epoch. */
export const clockStartVariable = 'CLOCK_START_MS';

// Loaded before a process's program (`node --import`): from here on its dates begin there.
const startMs = process.env[clockStartVariable];
if (startMs !== undefined) {
  const RealDate = Date;
  const shiftMs = Number(startMs) - RealDate.now();
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [RealDate.now() + shiftMs] : args, newTarget),
    get: (target, name) => (name === 'now' ? () => RealDate.now() + shiftMs : Reflect.get(target, name)),
  });
}
