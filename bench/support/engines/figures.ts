import { below, beside, compared, type Figure } from '../../figure.ts';
import type { Bar } from '../plot.ts';
import { users } from './asked-user.ts';
import type { Rate } from './contest.ts';
import { connectNode, fastify, grpcGo, grpcJs, http2, mesh, native, niceGrpc } from './peers.ts';

type Rates = ReadonlyMap<string, Rate>;

const none: Rate = { ofCore: Number.NaN, byClock: Number.NaN };

/** How fast the servers answer GetUser, beside grpc-js where nothing else is said. */
export function answerFigures(rates: Rates): Figure[] {
  const ours = rateOf(rates, native);
  const grpcJsRate = rateOf(rates, grpcJs).ofCore;
  const told = [http2, niceGrpc, connectNode].map((name) =>
    beside(`  vs ${name}`, ours.ofCore, rateOf(rates, name).ofCore),
  );
  return [
    compared('GetUser from a Map, calls/s of one core', ours.ofCore, grpcJsRate, 5),
    compared('  vs Fastify, JSON', ours.ofCore, rateOf(rates, fastify).ofCore, 2),
    ...(rates.has(grpcGo) ? [compared('  vs grpc-go', ours.ofCore, rateOf(rates, grpcGo).ofCore, 1)] : []),
    ...told,
    compared('GetUser of the mesh, from SQLite', rateOf(rates, mesh).ofCore, grpcJsRate, 3),
  ];
}

/** How many messages a second the servers stream. `rates` are those of lists. */
export function listFigures(rates: Rates): Figure[] {
  const messages = (name: string) => rateOf(rates, name).ofCore * users;
  const told = [grpcGo, niceGrpc, connectNode].filter((name) => rates.has(name));
  return [
    compared('ListUsers from memory, messages/s of one core', messages(native), messages(grpcJs), 6),
    ...told.map((name) => beside(`  vs ${name}`, messages(native), messages(name))),
  ];
}

/** How many calls client and server of an engine can make with each other. */
export function clientFigures(rates: Rates): Figure[] {
  const [ours, peers] = [rateOf(rates, native), rateOf(rates, niceGrpc)];
  return [
    compared('calls of client and server, vs nice-grpc', ours.ofCore, peers.ofCore, 4),
    beside('  by the clock', ours.byClock, peers.byClock),
  ];
}

/** Percentiles in milliseconds: ours at half of its own maximum, that of grpc-js at half of its own, ours at half of that. */
export function latencyFigures([
  ours = Number.NaN,
  peers = Number.NaN,
  oursAtTheirs = Number.NaN,
]: readonly number[]): Figure[] {
  return [
    below('99th percentile, each at half of its maximum', ours, peers, 'ms'),
    below('  both at half of the maximum of grpc-js', oursAtTheirs, peers, 'ms'),
  ];
}

/** The rates as bars, the fastest first. */
export function barsOf(rates: Rates): Bar[] {
  const bars = Array.from(rates, ([name, { ofCore }]) => ({
    name,
    value: ofCore,
    ours: name === native || name === mesh,
  }));
  return bars.sort((a, b) => b.value - a.value);
}

function rateOf(rates: Rates, name: string): Rate {
  return rates.get(name) ?? none;
}
