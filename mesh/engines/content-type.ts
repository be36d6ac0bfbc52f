/** Whether messages of this content type are gRPC, with messages of Protocol Buffers. */
export function isGrpcType(contentType: string): boolean {
  return /^application\/grpc(?:\+proto)?(?:$|[ ;])/i.test(contentType);
}
