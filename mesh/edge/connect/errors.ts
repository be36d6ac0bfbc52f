import { unsupportedMediaType } from '../errors.ts';

export const grpcOverHttp = unsupportedMediaType.variant({
  text: 'gRPC is not served on this port: call the port of GRPC_LISTEN, or use Connect or gRPC-Web',
});

export const unknownRpcType = unsupportedMediaType.variant({
  text: ({ types }: { readonly types: readonly string[] }) => `unsupported media type: send one of ${types.join(', ')}`,
});
