-- Lists of a user's notifications about one order read those of the order, which are few.
DROP INDEX notifications_by_user_and_order;
