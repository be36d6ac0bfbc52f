import { connect } from 'node:http2';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Flag, FrameType } from '../../mesh/engines/native/http2/codec/frames.ts';
import { literalFields } from '../../mesh/engines/native/http2/codec/literal-fields.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { allServices } from '../../services/all.ts';
import {
  data,
  forStreams,
  frame,
  headers,
  ping,
  repeated,
  reset,
  settings,
  windowUpdate,
} from '../attacks/support/frames.ts';
import { RawPeer } from '../attacks/support/raw-peer.ts';

let mesh: TestMesh;
let port: number;

beforeAll(async () => {
  mesh = await startMesh(allServices, { HTTP_LISTEN: '127.0.0.1:0' });
  port = Number(mesh.httpAddress?.split(':')[1]);
});

afterAll(() => mesh.stop());

function request(method: string, path: string, ...more: readonly string[]): Buffer {
  return literalFields([':method', method, ':scheme', 'http', ':path', path, ':authority', 'a', ...more]);
}

/** The status of a good request over HTTP/2, on a connection of its own. */
async function goodStatus(): Promise<number | undefined> {
  const session = connect(`http://127.0.0.1:${port}`);
  try {
    const stream = session.request({ ':path': '/api/users' });
    let status: number | undefined;
    stream.once('response', (head) => {
      status = head[':status'];
    });
    await text(stream);
    return status;
  } finally {
    session.destroy();
  }
}

const list = request('GET', '/api/users');
const post = request('POST', '/api/users', 'content-type', 'application/json');
const call = (id: number) => headers(id, list, Flag.END_STREAM);
const piece = frame(FrameType.CONTINUATION, 0, 1, Buffer.alloc(0));

const floods: readonly [name: string, parts: readonly [times: number, bytes: Buffer | ((time: number) => Buffer)][]][] =
  [
    [
      'resets of requests (CVE-2023-44487)',
      [[20, (time) => forStreams(500, (id) => Buffer.concat([call(id), reset(id)]), 1 + 1_000 * time)]],
    ],
    [
      'resets of bodies',
      [[20, (time) => forStreams(500, (id) => Buffer.concat([headers(id, post), reset(id)]), 1 + 1_000 * time)]],
    ],
    [
      'requests that the server has to reset (CVE-2025-8671)',
      [[40, (time) => forStreams(500, (id) => Buffer.concat([call(id), windowUpdate(id, 0)]), 1 + 1_000 * time)]],
    ],
    [
      'CONTINUATION (CVE-2024-27316)',
      [
        [1, frame(FrameType.HEADERS, Flag.END_STREAM, 1, list.subarray(0, 4))],
        [100, repeated(100, piece)],
      ],
    ],
    ['PING (CVE-2019-9512)', [[200, repeated(100, ping())]]],
    ['SETTINGS (CVE-2019-9515)', [[400, repeated(100, settings([4, 65_535]))]]],
    [
      'empty DATA (CVE-2019-9518)',
      [
        [1, headers(1, post)],
        [400, repeated(100, data(1, Buffer.alloc(0)))],
      ],
    ],
    ['streams above the limit', [[40, (time) => forStreams(500, (id) => headers(id, post), 1 + 1_000 * time)]]],
  ];

describe.each(floods)('a flood of %s', (_, parts) => {
  it('ends its connection, and no other', async () => {
    using peer = await RawPeer.connect(port);
    for (const [times, bytes] of parts) await peer.flood(times, bytes);
    await peer.closed;
    expect(await goodStatus()).toBe(200);
  });
});
