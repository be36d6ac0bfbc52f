import { readFileSync } from 'node:fs';
import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { exitCode } from '../../examples/support/failures.ts';
import { messageOf } from '../../mesh/errors/error-text.ts';
import { JsonSyntaxError, parseJson } from '../../mesh/json/parse-json.ts';
import { createJsonEncoder } from '../support/encode-json.ts';

// Writes the body of a call to standard output, for load generators that know HTTP/2 but not gRPC. A gRPC frame is a byte
// that says whether the message is compressed, its length in four bytes, and the message.
// Usage: node scripts/load/frame.ts user.v1.GetUserRequest '{"id": "load-1"}' > body.bin

const [name = '', json = '{}'] = process.argv.slice(2);
const contracts = new URL('../../gen/descriptors.binpb', import.meta.url);
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(contracts)));

try {
  const type = registry.getMessage(name);
  if (!type) throw new Error(`the contracts have no message "${name}"`);
  const message = createJsonEncoder(type, registry)(parseJson(json));
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  process.stdout.write(Buffer.concat([prefix, message]));
} catch (error) {
  const text = error instanceof JsonSyntaxError ? `the message ${error.message}` : messageOf(error);
  process.stderr.write(`${text}: use <message> '<json>'\n`);
  process.exitCode = exitCode.usage;
}
