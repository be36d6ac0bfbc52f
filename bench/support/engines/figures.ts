import { atLeastVersusPeer, below, compared, type Figure, versusPeer } from '../../figure.ts';
import type { Bar } from '../plot.ts';
import type { Rate } from './contest.ts';
import {
  connectNode,
  fastify,
  grpcGo,
  grpcJs,
  grpcPackage,
  http2,
  mesh,
  native,
  niceGrpc,
  pajamax,
  tonic,
} from './peers.ts';
import { users } from './requested-user.ts';

type Rates = ReadonlyMap<string, Rate>;

const none: Rate = { ofCore: Number.NaN, byClock: Number.NaN };

/** Rates of GetUser. The peer is grpc-js unless the name says otherwise. */
export function answerFigures(rates: Rates): Figure[] {
  const ours = rateOf(rates, native);
  const grpcJsRate = rateOf(rates, grpcJs).ofCore;
  const ofMesh = rateOf(rates, mesh).ofCore;
  const others = [tonic, pajamax, http2, niceGrpc, connectNode]
    .filter((name) => rates.has(name))
    .map((name) => versusPeer(`  vs ${name}`, ours.ofCore, rateOf(rates, name).ofCore));
  return [
    compared('GetUser from a Map, calls/s of one core', ours.ofCore, grpcJsRate, 5),
    compared('  vs Fastify, JSON', ours.ofCore, rateOf(rates, fastify).ofCore, 2),
    ...(rates.has(grpcGo) ? [compared('  vs grpc-go', ours.ofCore, rateOf(rates, grpcGo).ofCore, 1)] : []),
    ...others,
    compared('GetUser of the mesh, from SQLite', ofMesh, grpcJsRate, 3),
    atLeastVersusPeer('  and next to the engine alone', ofMesh, ours.ofCore, 100_000),
  ];
}

/** Rates of GetUser and ListUsers of the package, for its README. */
export function packageFigures(answers: Rates, lists: Rates): Figure[] {
  const peers = [grpcJs, niceGrpc, connectNode, grpcGo, tonic];
  const figures = (what: string, rates: Rates, perCall: number) =>
    peers
      .filter((name) => rates.has(name))
      .map((name) =>
        versusPeer(
          `${what} vs ${name}`,
          rateOf(rates, grpcPackage).ofCore * perCall,
          rateOf(rates, name).ofCore * perCall,
        ),
      );
  return [
    ...figures(`GetUser of ${grpcPackage},`, answers, 1),
    ...figures(`ListUsers of ${grpcPackage}, messages,`, lists, users),
  ];
}

/** Rates of streamed messages. `rates` are lists per second. */
export function listFigures(rates: Rates): Figure[] {
  const messages = (name: string) => rateOf(rates, name).ofCore * users;
  const others = [tonic, niceGrpc, connectNode].filter((name) => rates.has(name));
  return [
    compared('ListUsers from memory, messages/s of one core', messages(native), messages(grpcJs), 6),
    ...(rates.has(grpcGo) ? [compared('  vs grpc-go', messages(native), messages(grpcGo), 1)] : []),
    ...others.map((name) => versusPeer(`  vs ${name}`, messages(native), messages(name))),
  ];
}

/** Rates of calls between client and server of the same engine. */
export function clientFigures(rates: Rates): Figure[] {
  const [ours, peers] = [rateOf(rates, native), rateOf(rates, niceGrpc)];
  const ofPackage = rateOf(rates, grpcPackage).ofCore;
  return [
    compared('calls of client and server, vs nice-grpc', ours.ofCore, peers.ofCore, 4),
    versusPeer('  by the clock', ours.byClock, peers.byClock),
    versusPeer(`  those of ${grpcPackage}, vs nice-grpc`, ofPackage, peers.ofCore),
  ];
}

/** 99th percentiles in milliseconds: ours and grpc-js, each at half of its maximum; ours at half of the maximum of grpc-js. */
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

/** Returns the rates as bars, fastest first. */
export function barsOf(rates: Rates): Bar[] {
  const bars = Array.from(rates, ([name, { ofCore }]) => ({
    name,
    value: ofCore,
    ours: name === native || name === mesh || name === grpcPackage,
  }));
  return bars.sort((a, b) => b.value - a.value);
}

function rateOf(rates: Rates, name: string): Rate {
  return rates.get(name) ?? none;
}
