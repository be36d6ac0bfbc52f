import { GetUserRequest, ListUsersRequest, User } from '#gen/user/v1/user.ts';
import type { EngineMethod } from '../../../mesh/engines/engine.ts';
import { encodeMessage } from '../../../mesh/engines/message-encoder.ts';

/** GetUser and ListUsers for an engine without the mesh, encoded as the mesh does. */
export const getUserMethod: EngineMethod<GetUserRequest, User> = {
  path: '/user.v1.UserService/GetUser',
  kind: 'unary',
  encodeRequest: (message) => encodeMessage(GetUserRequest, message),
  decodeRequest: (bytes) => GetUserRequest.decode(bytes),
  encodeResponse: (message) => encodeMessage(User, message),
  decodeResponse: (bytes) => User.decode(bytes),
};

export const listUsersMethod: EngineMethod<ListUsersRequest, User> = {
  path: '/user.v1.UserService/ListUsers',
  kind: 'server-streaming',
  encodeRequest: (message) => encodeMessage(ListUsersRequest, message),
  decodeRequest: (bytes) => ListUsersRequest.decode(bytes),
  encodeResponse: (message) => encodeMessage(User, message),
  decodeResponse: (bytes) => User.decode(bytes),
};
