import { GetUserRequest, ListUsersRequest, User } from '../../../gen/ts/user/v1/user.ts';
import type { EngineMethod } from '../../../mesh/engines/engine.ts';

/** GetUser and ListUsers for an engine without the mesh: encoded as the stubs of grpc-js do, nothing completed. */
export const getUserMethod: EngineMethod<GetUserRequest, User> = {
  path: '/user.v1.UserService/GetUser',
  kind: 'unary',
  encodeRequest: (message) => GetUserRequest.encode(message).finish(),
  decodeRequest: (bytes) => GetUserRequest.decode(bytes),
  encodeResponse: (message) => User.encode(message).finish(),
  decodeResponse: (bytes) => User.decode(bytes),
};

export const listUsersMethod: EngineMethod<ListUsersRequest, User> = {
  path: '/user.v1.UserService/ListUsers',
  kind: 'server-streaming',
  encodeRequest: (message) => ListUsersRequest.encode(message).finish(),
  decodeRequest: (bytes) => ListUsersRequest.decode(bytes),
  encodeResponse: (message) => User.encode(message).finish(),
  decodeResponse: (bytes) => User.decode(bytes),
};
