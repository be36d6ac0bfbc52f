import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { grpcFrame } from '../../mesh/testing/grpc-frame.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { loadCore } from './server.ts';

const run = promisify(execFile);

export interface Load {
  readonly address: string;
  /** For example `/user.v1.UserService/GetUser`. */
  readonly path: string;
  /** The message of a gRPC call. Unset: a request over HTTP/1.1. */
  readonly request?: Uint8Array;
  /** The body of a POST request over HTTP/1.1. Unset: GET. */
  readonly json?: string;
  readonly calls: number;
  readonly connections: number;
  readonly concurrentCalls: number;
  /** Whether it is over TLS; the certificate of the server is not checked. Default: no. */
  readonly isSecure?: boolean;
}

/** Makes calls with h2load, a client in C that is faster than any server here. Throws unless all calls succeed. */
export async function h2load(load: Load): Promise<void> {
  const { address, path, calls, connections, concurrentCalls } = load;
  await using folder = await tempFolder();
  const { stdout } = await run('taskset', [
    ...[
      '-c',
      String(loadCore),
      'h2load',
      '-n',
      String(calls),
      '-c',
      String(connections),
      '-m',
      String(concurrentCalls),
    ],
    ...(await requestArgs(folder.path, load)),
    `${load.isSecure ? 'https' : 'http'}://${address}${path}`,
  ]);
  if (!stdout.includes(` ${calls} succeeded`)) throw new Error(`calls to ${path} failed:\n${stdout}`);
}

async function requestArgs(folder: string, { request, json }: Load): Promise<string[]> {
  const body = join(folder, 'request.bin');
  if (request) {
    await writeFile(body, grpcFrame(request));
    return ['-d', body, '-H', 'content-type: application/grpc', '-H', 'te: trailers'];
  }
  if (json === undefined) return ['--h1'];
  await writeFile(body, json);
  return ['--h1', '-d', body, '-H', 'content-type: application/json'];
}
