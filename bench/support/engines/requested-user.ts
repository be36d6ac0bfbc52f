import { userOf } from '../user-of.ts';

/** Number of users on every server. */
export const users = 20_000;

/** The user that all calls request. It also exists on the mesh, which has fewer users. */
export const requestedUser = userOf(500);
