/** The oldest Node that this package runs on: a bundle cannot read its package.json, whose `engines` has the same. */
export const neededNode = '24.12';
