-- For lists of a user's notifications about one order.
CREATE INDEX notifications_by_user_and_order ON notifications (user_id, order_id, id);
