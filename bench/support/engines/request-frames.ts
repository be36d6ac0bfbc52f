import { framed } from '../h2load.ts';
import { endHeaders, endStream, FrameType, frame, headerBytes } from './frames.ts';

/** Makes the frames of a gRPC call for a stream. Its fields stand there in full, so they mean the same on any connection. */
export function requestFrames(address: string, path: string, request: Uint8Array): (streamId: number) => Buffer {
  const fields = [':method', 'POST', ':scheme', 'http', ':path', path, ':authority', address];
  const block = literal([...fields, 'content-type', 'application/grpc', 'te', 'trailers']);
  const template = Buffer.concat([
    frame(FrameType.headers, endHeaders, 0, block),
    frame(FrameType.data, endStream, 0, framed(request)),
  ]);
  return (streamId) => {
    const bytes = Buffer.from(template);
    bytes.writeUInt32BE(streamId, 5);
    bytes.writeUInt32BE(streamId, headerBytes + block.length + 5);
    return bytes;
  };
}

/** Names and values in turn, none of 127 bytes or more, as literals without indexing and without Huffman's code (RFC 7541, 6.2.2). */
function literal(fields: readonly string[]): Buffer {
  const parts = fields.map((text) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text, 'latin1')]));
  return Buffer.concat(parts.flatMap((part, index) => (index % 2 === 0 ? [Buffer.from([0]), part] : [part])));
}
