import { userOf } from '../user-of.ts';

/** How many users every server has. */
export const users = 20_000;

/** The one that all calls ask for; the mesh, which has fewer, knows it as well. */
export const askedUser = userOf(500);
