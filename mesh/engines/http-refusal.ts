import { isGrpcType } from './content-type.ts';

/** The answer to a request that is not a gRPC call: an HTTP status and a text. */
export interface HttpRefusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Empty for HEAD, whose answers have no body. */
  readonly text: string;
}

/** Returns how to answer a request that is not gRPC; `undefined` if it is. */
export function httpRefusalOf(method: string | undefined, contentType: string | undefined): HttpRefusal | undefined {
  if (method !== 'POST') {
    const text = method === 'HEAD' ? '' : 'this is a gRPC server: use POST, as a gRPC client does\n';
    return { status: 405, headers: { allow: 'POST', ...plainText }, text };
  }
  if (isGrpcType(contentType ?? '')) return undefined;
  const text =
    'this is a gRPC server: use a gRPC client; content-type has to be application/grpc or application/grpc+proto\n';
  return { status: 415, headers: plainText, text };
}

const plainText = { 'content-type': 'text/plain; charset=utf-8' };
