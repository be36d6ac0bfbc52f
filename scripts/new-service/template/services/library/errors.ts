import { defineError, Status } from '#mesh';

export const bookNotFound = defineError({
  reason: 'BOOK_NOT_FOUND',
  code: Status.NOT_FOUND,
  means: 'no book has this id',
  fix: 'check the id or create the book',
  text: ({ id }: { readonly id: string }) => `book "${id}" not found: check the id or create the book`,
});

export const bookIdTaken = defineError({
  reason: 'BOOK_ID_TAKEN',
  code: Status.ALREADY_EXISTS,
  means: 'another book has this id',
  fix: 'choose another or leave it empty to have one generated',
  text: ({ id }: { readonly id: string }) =>
    `book id "${id}" is taken: choose another or leave it empty to have one generated`,
});
