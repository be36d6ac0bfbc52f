import { Status } from 'nice-grpc-common';
import { MeshError } from '../../mesh/errors/mesh-error.ts';

/** NOT_FOUND `USER_NOT_FOUND`. */
export function userNotFound(id: string): MeshError {
  return new MeshError(
    Status.NOT_FOUND,
    'USER_NOT_FOUND',
    `there is no user "${id}": check the id, or create the user`,
    {
      metadata: { id },
    },
  );
}

/** ALREADY_EXISTS `USER_ID_TAKEN`. */
export function userIdTaken(id: string): MeshError {
  return new MeshError(
    Status.ALREADY_EXISTS,
    'USER_ID_TAKEN',
    `there is a user with the id "${id}" already: choose another id, or leave it empty to be given one`,
    { metadata: { id } },
  );
}

/** ALREADY_EXISTS `USER_EMAIL_TAKEN`. */
export function userEmailTaken(email: string): MeshError {
  return new MeshError(
    Status.ALREADY_EXISTS,
    'USER_EMAIL_TAKEN',
    `there is a user with the e-mail address "${email}" already: use another address, or change that user`,
    { metadata: { email } },
  );
}

/** ABORTED `STALE_ETAG`. */
export function staleUserEtag(id: string, etag: string): MeshError {
  return new MeshError(
    Status.ABORTED,
    'STALE_ETAG',
    `user "${id}" is not in version "${etag}" any more: read it again and decide anew`,
    { metadata: { id, etag } },
  );
}
