package io.ordermesh.calls;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Context;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Consumer;
import java.util.function.Function;

/** Reads the details of errors and resumes listings. It depends on no generated code: use it or copy it. */
public final class Calls {
  private static final int MAX_ATTEMPTS = 5;
  private static final long FIRST_DELAY_MS = 100;
  private static final long MAX_DELAY_MS = 2_000;

  private Calls() {}

  /** A rule that a field of the request violates. */
  public static final class Violation {
    public final String field;
    public final String description;

    Violation(String field, String description) {
      this.field = field;
      this.description = description;
    }
  }

  /** What ordermesh sends with an error. */
  public static final class Details {
    public final Status.Code code;
    public final String text;

    /** Stable, for example USER_NOT_FOUND. Empty if the error is not from ordermesh but, for example, from a proxy. */
    public final String reason;

    /** The facts of the reason, such as the id of the user. */
    public final Map<String, String> metadata;

    /** An entry for each invalid field of the request. */
    public final List<Violation> violations;

    /** The time to wait before the next attempt. Empty: the server named none. */
    public final Optional<Duration> retryAfter;

    Details(
        Status status,
        String reason,
        Map<String, String> metadata,
        List<Violation> violations,
        Optional<Duration> retryAfter) {
      this.code = status.getCode();
      this.text = status.getDescription() == null ? "" : status.getDescription();
      this.reason = reason;
      this.metadata = metadata;
      this.violations = List.copyOf(violations);
      this.retryAfter = retryAfter;
    }
  }

  /** Returns the details of an error that a call threw. */
  public static Details detailsOf(Throwable error) {
    String reason = "";
    Map<String, String> metadata = Map.of();
    List<Violation> violations = new ArrayList<>();
    Optional<Duration> retryAfter = Optional.empty();
    try {
      com.google.rpc.Status sent = StatusProto.fromThrowable(error);
      for (Any detail : sent == null ? List.<Any>of() : sent.getDetailsList()) {
        if (detail.is(ErrorInfo.class)) {
          ErrorInfo info = detail.unpack(ErrorInfo.class);
          reason = info.getReason();
          metadata = info.getMetadataMap();
        } else if (detail.is(BadRequest.class)) {
          for (BadRequest.FieldViolation violation : detail.unpack(BadRequest.class).getFieldViolationsList()) {
            violations.add(new Violation(violation.getField(), violation.getDescription()));
          }
        } else if (detail.is(RetryInfo.class)) {
          com.google.protobuf.Duration delay = detail.unpack(RetryInfo.class).getRetryDelay();
          retryAfter = Optional.of(Duration.ofSeconds(delay.getSeconds(), delay.getNanos()));
        }
      }
    } catch (InvalidProtocolBufferException | IllegalArgumentException unreadable) {
      // The latter is thrown for bytes that are not a google.rpc.Status.
      // Details that cannot be read are no reason to hide the error.
    }
    return new Details(Status.fromThrowable(error), reason, metadata, violations, retryAfter);
  }

  /**
   * Passes all resources of a listing to {@code consumer}. If the stream is cut, it opens the listing again after the last
   * resource received, and gives up after five attempts in a row that received none. If the consumer throws, the stream is
   * cancelled.
   *
   * <pre>{@code
   * Calls.resumeListing(
   *     after -> users.listUsers(ListUsersRequest.newBuilder().setAfterId(after).build()), User::getId, user -> ...);
   * }</pre>
   */
  public static <T> void resumeListing(
      Function<String, Iterator<T>> openAfter, Function<T, String> idOf, Consumer<T> consumer)
      throws InterruptedException {
    String after = "";
    int attempts = 0;
    while (true) {
      Context.CancellableContext context = Context.current().withCancellation();
      Context outer = context.attach();
      Iterator<T> stream = null;
      StatusRuntimeException failure;
      try {
        while (true) {
          T resource;
          try {
            if (stream == null) stream = openAfter.apply(after);
            if (!stream.hasNext()) return;
            resource = stream.next();
          } catch (StatusRuntimeException cut) {
            failure = cut;
            break;
          }
          consumer.accept(resource);
          after = idOf.apply(resource);
          attempts = 0;
        }
      } finally {
        context.detach(outer);
        context.cancel(null);
      }
      attempts++;
      Details details = detailsOf(failure);
      if (attempts == MAX_ATTEMPTS || !mayResume(details)) throw failure;
      Thread.sleep(delayMs(attempts, details));
    }
  }

  private static boolean mayResume(Details details) {
    return details.code == Status.Code.UNAVAILABLE
        || details.code == Status.Code.INTERNAL
        || details.retryAfter.isPresent();
  }

  private static long delayMs(int attempts, Details details) {
    if (details.retryAfter.isPresent()) return details.retryAfter.get().toMillis();
    long backoff = Math.min(FIRST_DELAY_MS << (attempts - 1), MAX_DELAY_MS);
    return ThreadLocalRandom.current().nextLong(backoff / 2, backoff + 1);
  }
}
