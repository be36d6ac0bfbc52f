package io.ordermesh.examples;

import io.grpc.stub.StreamObserver;
import java.util.concurrent.CompletableFuture;

/** Completes a future with the only response of a call. */
record Result<T>(CompletableFuture<T> future) implements StreamObserver<T> {
  @Override
  public void onNext(T response) {
    future.complete(response);
  }

  @Override
  public void onError(Throwable error) {
    future.completeExceptionally(error);
  }

  @Override
  public void onCompleted() {}
}
