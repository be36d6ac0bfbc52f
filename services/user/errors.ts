import { defineError, Status } from '#mesh';

export const userNotFound = defineError({
  reason: 'USER_NOT_FOUND',
  code: Status.NOT_FOUND,
  means: 'no user has this id',
  fix: 'check the id or create the user',
  text: ({ id }: { readonly id: string }) => `user "${id}" not found: check the id or create the user`,
});

export const userIdTaken = defineError({
  reason: 'USER_ID_TAKEN',
  code: Status.ALREADY_EXISTS,
  means: 'another user has this id',
  fix: 'choose another or leave it empty to have one generated',
  text: ({ id }: { readonly id: string }) =>
    `user id "${id}" is taken: choose another or leave it empty to have one generated`,
});

export const userEmailTaken = defineError({
  reason: 'USER_EMAIL_TAKEN',
  code: Status.ALREADY_EXISTS,
  means: 'another user has this e-mail address',
  fix: 'use another address or change that user',
  text: ({ email }: { readonly email: string }) =>
    `e-mail address "${email}" is taken by another user: use another address or change that user`,
});

export const userOfAdmins = defineError({
  reason: 'USER_OF_ADMINS',
  code: Status.PERMISSION_DENIED,
  means: 'only an `admin`, or the user, changes or deletes a user whose role has rights',
  fix: 'ask an admin',
  text: ({ id }: { readonly id: string }) =>
    `user "${id}" has a role with rights, so only admins and that user change it: ask an admin`,
});

export const roleNotPermitted = defineError({
  reason: 'ROLE_NOT_PERMITTED',
  code: Status.PERMISSION_DENIED,
  means: 'only an `admin` gives or takes a role that has rights',
  fix: 'leave the role empty, or ask an admin',
  text: ({ role }: { readonly role: string }) =>
    `role "${role}" is given and taken by admins only: leave the role as it is, or ask an admin`,
});
