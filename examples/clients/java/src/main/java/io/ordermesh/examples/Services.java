package io.ordermesh.examples;

import static io.ordermesh.examples.Run.check;
import static io.ordermesh.examples.Run.newUuid;

import io.grpc.Context;
import io.grpc.Status.Code;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.StreamObserver;
import io.ordermesh.calls.Calls;
import io.ordermesh.common.v1.Address;
import io.ordermesh.common.v1.Money;
import io.ordermesh.events.v1.EventRecord;
import io.ordermesh.events.v1.EventServiceGrpc;
import io.ordermesh.events.v1.Offsets;
import io.ordermesh.events.v1.SubscribeRequest;
import io.ordermesh.inventory.v1.CreateItemRequest;
import io.ordermesh.inventory.v1.InventoryServiceGrpc;
import io.ordermesh.inventory.v1.Item;
import io.ordermesh.order.v1.Order;
import io.ordermesh.order.v1.OrderItem;
import io.ordermesh.order.v1.OrderServiceGrpc;
import io.ordermesh.order.v1.OrderState;
import io.ordermesh.order.v1.PlaceOrderRequest;
import io.ordermesh.order.v1.WatchOrderRequest;
import io.ordermesh.payment.v1.AccountServiceGrpc;
import io.ordermesh.payment.v1.DepositRequest;
import io.ordermesh.payment.v1.OpenAccountRequest;
import io.ordermesh.user.v1.CreateUserRequest;
import io.ordermesh.user.v1.ImportUsersRequest;
import io.ordermesh.user.v1.ImportUsersResponse;
import io.ordermesh.user.v1.ListUsersRequest;
import io.ordermesh.user.v1.User;
import io.ordermesh.user.v1.UserServiceGrpc;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.IntStream;

/** Users, an order, and events. */
final class Services {
  private static final int IMPORTED_USERS = 1000;

  /** Attempts in a row that receive nothing. */
  private static final int MAX_ATTEMPTS = 5;

  private Services() {}

  static void createUser(Run run) {
    // With the same request id, the second call returns the response of the first.
    CreateUserRequest request =
        CreateUserRequest.newBuilder().setRequestId(newUuid()).setUser(user(run.id(), "Ada")).build();
    User first = run.users().createUser(request);
    User second = run.users().createUser(request);
    boolean isSame = first.getId().equals(run.id()) && !first.getEtag().isEmpty() && first.equals(second);
    check(isSame, "created " + first + ", then " + second);
  }

  static void importUsers(Run run) throws Exception {
    CompletableFuture<ImportUsersResponse> done = new CompletableFuture<>();
    StreamObserver<ImportUsersRequest> rows = UserServiceGrpc.newStub(run.channel()).importUsers(new Result<>(done));
    for (String id : importedIds(run)) {
      // The server has ended the call: the result has the reason.
      if (done.isDone()) break;
      User user = user(id, "Imported").toBuilder().setRole(run.id()).build();
      rows.onNext(ImportUsersRequest.newBuilder().setUser(user).build());
    }
    rows.onCompleted();
    ImportUsersResponse response = done.get();
    check(response.getImported() == IMPORTED_USERS && response.getFailuresCount() == 0, "imported " + response);
  }

  static void listUsers(Run run) throws InterruptedException {
    Set<String> cursors = new HashSet<>();
    List<String> ids = new ArrayList<>();
    Calls.resumeListing(
        after -> {
          cursors.add(after);
          ListUsersRequest request = ListUsersRequest.newBuilder().setAfterId(after).setRole(run.id()).build();
          return UserServiceGrpc.newBlockingStub(run.cut()).listUsers(request);
        },
        User::getId,
        user -> ids.add(user.getId()));
    check(ids.equals(importedIds(run)), "listed " + ids.size() + " users");
    check(cursors.size() > 1, "the stream was not cut");
  }

  static void placeAndWatch(Run run) {
    Item item = Item.newBuilder().setSku(run.id()).setName("Lamp").setUnitPrice(euros(500)).setOnHand(10).build();
    InventoryServiceGrpc.newBlockingStub(run.channel())
        .createItem(CreateItemRequest.newBuilder().setRequestId(newUuid()).setItem(item).build());
    AccountServiceGrpc.AccountServiceBlockingStub accounts = AccountServiceGrpc.newBlockingStub(run.channel());
    accounts.openAccount(
        OpenAccountRequest.newBuilder()
            .setRequestId(newUuid())
            .setAccountId(run.id())
            .setCurrencyCode("EUR")
            .build());
    accounts.deposit(
        DepositRequest.newBuilder()
            .setRequestId(newUuid())
            .setAccountId(run.id())
            .setAmount(euros(10_000))
            .build());
    OrderServiceGrpc.OrderServiceBlockingStub orders = OrderServiceGrpc.newBlockingStub(run.channel());
    Address address =
        Address.newBuilder()
            .setRecipient("Ada")
            .addLines("Main Street 1")
            .setCity("Town")
            .setPostalCode("12345")
            .setCountryCode("DE")
            .build();
    Order placed =
        orders.placeOrder(
            PlaceOrderRequest.newBuilder()
                .setRequestId(newUuid())
                .setUserId(run.id())
                .addItems(OrderItem.newBuilder().setSku(run.id()).setQuantity(2))
                .setShippingAddress(address)
                .build());
    WatchOrderRequest watch = WatchOrderRequest.newBuilder().setId(placed.getId()).build();
    Iterator<Order> states = orders.watchOrder(watch);
    // The stream ends after the final state.
    Order last = placed;
    while (states.hasNext()) last = states.next();
    check(
        last.getState() == OrderState.ORDER_STATE_COMPLETED && last.getTotal().equals(euros(1_000)),
        "the order ended as " + last);
  }

  /** Follows the events of the imported users. Each opened stream starts after the last event of each partition. */
  static void subscribe(Run run) throws InterruptedException {
    Map<Integer, Long> next = new HashMap<>();
    Set<String> seen = new HashSet<>();
    Set<Map<Integer, Long>> starts = new HashSet<>();
    int attempts = 0;
    while (seen.size() < IMPORTED_USERS) {
      // The first attempt from here, or another one.
      attempts = starts.add(Map.copyOf(next)) ? 1 : attempts + 1;
      SubscribeRequest request =
          SubscribeRequest.newBuilder()
              .setTopic("user.events")
              .addTypes("USER_CREATED")
              .setOffsets(Offsets.newBuilder().putAllByPartition(next))
              .build();
      // Ends the stream when the block is left.
      try (Context.CancellableContext context = Context.current().withCancellation()) {
        context.run(() -> readEvents(run, request, next, seen));
      } catch (StatusRuntimeException cut) {
        Code code = cut.getStatus().getCode();
        if ((code != Code.UNAVAILABLE && code != Code.INTERNAL) || attempts == MAX_ATTEMPTS) throw cut;
        Thread.sleep(ThreadLocalRandom.current().nextLong(50L << attempts, 100L << attempts));
      }
    }
    check(starts.size() > 1, "the stream was not cut");
  }

  private static void readEvents(Run run, SubscribeRequest request, Map<Integer, Long> next, Set<String> seen) {
    Iterator<EventRecord> events = EventServiceGrpc.newBlockingStub(run.cut()).subscribe(request);
    while (seen.size() < IMPORTED_USERS) {
      EventRecord event = events.next();
      check(event.getOffset() >= next.getOrDefault(event.getPartition(), 0L), event.getId() + " came twice");
      next.put(event.getPartition(), event.getOffset() + 1);
      if (event.getKey().startsWith(run.id() + "-")) seen.add(event.getKey());
    }
  }

  private static List<String> importedIds(Run run) {
    return IntStream.range(0, IMPORTED_USERS).mapToObj(i -> "%s-%04d".formatted(run.id(), i)).toList();
  }

  private static User user(String id, String name) {
    return User.newBuilder().setId(id).setName(name).setEmail(id + "@example.com").build();
  }

  private static Money euros(long minorUnits) {
    return Money.newBuilder().setCurrencyCode("EUR").setMinorUnits(minorUnits).build();
  }
}
