import * as niceGrpc from 'nice-grpc';
import { describe, expect, it } from 'vitest';
import * as ours from './index.ts';
import { type Library, runProgram } from './testing/program.ts';

// The types of grpc-js differ from ours in what programs do not use: credentials and options.
const peer = niceGrpc as unknown as Library;

describe('a program for nice-grpc', () => {
  it.each([
    ['on this package', ours, ours],
    ['as a server of nice-grpc clients, which are grpc-js', ours, peer],
    ['as a client of nice-grpc servers, which are grpc-js', peer, ours],
  ])('sees the same %s', async (_, server, client) => {
    const expected = await runProgram(peer, peer);
    expect(expected).toContain('ClientError: /test.v1.Texts/One NOT_FOUND: not found: ä 100%');
    expect(await runProgram(server, client)).toEqual(expected);
  });
});
