/** The initial time of a process's clock, in milliseconds since the epoch. */
export const clockStartVariable = 'CLOCK_START_MS';

// Loaded with `node --import` before the program, so all its dates are shifted.
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
