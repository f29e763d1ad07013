<?php
/**
 * Plugin Name: Example: a queue of images
 * Description: Charges each image that succeeds, previews five for free, pauses at zero and resumes after a purchase.
 * Version: 0.1.0
 * License: GPL-2.0-or-later
 *
 * @package TokenBridge
 */

defined( 'ABSPATH' ) || exit;

/** Adds images to a user's queue: `example_images_add( 7, [ 12, 13 ] )`, with the IDs of attachments. */
function example_images_add( int $user_id, array $images ): void {
	$queue = array_merge( (array) get_user_meta( $user_id, 'example_images', true ), $images );
	update_user_meta( $user_id, 'example_images', array_values( array_filter( $queue ) ) );
	wp_schedule_single_event( time(), 'example_images_run', [ $user_id ] );
}

/** Works through the queue until it is empty or the user has no tokens left. */
function example_images_run( int $user_id ): void {
	$queue = (array) get_user_meta( $user_id, 'example_images', true );
	while ( $queue ) {
		$image = (int) reset( $queue );
		if ( ! example_images_charge( $user_id, $image ) ) {
			return; // Paused. The image stays first in the queue.
		}
		array_shift( $queue );
		update_user_meta( $user_id, 'example_images', $queue );
	}
}

/** Works on one image; returns false if the user cannot pay. The first five images of a user are free. */
function example_images_charge( int $user_id, int $image ): bool {
	$done = (int) get_user_meta( $user_id, 'example_images_done', true );
	$options = [ 'user_id' => $user_id, 'source' => 'example-images' ];
	$hold    = $done < 5 ? null : token_bridge_hold( [ 'operation' => 'image.generation', 'quantity' => 1 ], $options );
	if ( $hold && ! $hold->is_ok() ) {
		return false;
	}
	$is_better = (bool) apply_filters( 'example_images_work', true, $image ); // Put the work here.
	if ( $hold ) {
		// The key names the image: if the queue is interrupted here and begins again, the image is charged once.
		$options += [ 'key' => "example-image-{$user_id}-{$image}" ];
		$is_better ? token_bridge_capture( $hold->id(), [ 'quantity' => 1 ], $options ) : token_bridge_release( $hold->id() );
	}
	update_user_meta( $user_id, 'example_images_done', $done + 1 );
	return true;
}

add_action( 'example_images_run', 'example_images_run' );
add_action( 'token_bridge_replenished', 'example_images_run' );
