import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';

/*
 * Calls methods with grpc-js under service configs. Arguments: host:port, then for each channel the file of its config and
 * its calls, such as `unary:/user.v1.UserService/GetUser` or `upload:/user.v1.UserService/ImportUsers`. Writes one line of
 * JSON per call.
 */

const bytes = (message: Buffer) => message;
const nothing = Buffer.alloc(0);

function send(channel: Client, kind: string, path: string): Promise<unknown> {
  return promisify((done: (error: ServiceError | null, response?: Buffer) => void) => {
    if (kind === 'unary') channel.makeUnaryRequest(path, bytes, bytes, nothing, done);
    else channel.makeClientStreamRequest(path, bytes, bytes, done).end(nothing);
  })();
}

async function call(channel: Client, kind: string, path: string): Promise<{ code: string; text: string }> {
  try {
    await send(channel, kind, path);
    return { code: 'OK', text: '' };
  } catch (error) {
    const { code, details } = error as ServiceError;
    return { code: status[code], text: details };
  }
}

const [address = '', ...args] = process.argv.slice(2);
let channel = new Client(address, credentials.createInsecure());
for (const argument of args) {
  if (argument.endsWith('.json')) {
    channel = new Client(address, credentials.createInsecure(), {
      'grpc.service_config': await readFile(argument, 'utf8'),
    });
  } else {
    const [kind = '', path = ''] = argument.split(':');
    console.log(JSON.stringify(await call(channel, kind, path)));
  }
}
process.exit();
