/**
 * A gRPC server and client for Node with the interface of nice-grpc, on an HTTP/2 of its own. What has no description here is
 * described in nice-grpc's README.
 */

import { checkNode } from '../../../mesh/errors/check-node.ts';
import { neededNode } from './needed-node.ts';

export * from 'nice-grpc-common';
export { Channel, connectivityState, createChannel, waitForChannelReady } from './channel/channel.ts';
export { ChannelCredentials, type KeyCertPair, ServerCredentials } from './channel/credentials.ts';
export type { ChannelOptions } from './channel/options.ts';
export { ReplaceableIdentity } from './channel/tls-identity.ts';
export type * from './client/client.ts';
export * from './client/client-factory.ts';
export type { GrpcJsServiceDefinition } from './definitions/grpc-js.ts';
export type { MethodDefinition, ServiceDefinition } from './definitions/method-definition.ts';
export type { CompatServiceDefinition, NormalizedServiceDefinition } from './definitions/service-definition.ts';
export type { TsProtoServiceDefinition } from './definitions/ts-proto.ts';
export * from './server/server.ts';
export type * from './server/service-implementation.ts';

checkNode('@ordermesh/grpc', neededNode);
