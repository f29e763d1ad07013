<?php
/**
 * Delivers calls whose answer was lost.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Outbox;

use TokenBridge\Bridge\Answer;
use TokenBridge\Bridge\Request;
use TokenBridge\Bridge\Transport;

defined( 'ABSPATH' ) || exit;

/**
 * Sends a capture, release, refund, grant or sign-in of a guest with its idempotency key, so it counts once whatever happened before.
 */
final class CallDelivery implements Delivery {

	public const TOPIC = 'call';

	/** @var Transport */
	private $transport;

	public function __construct( Transport $transport ) {
		$this->transport = $transport;
	}

	public function accepts( string $topic ): bool {
		return self::TOPIC === $topic;
	}

	public function final_statuses(): array {
		return [ 400, 404, 409, 410, 413, 422 ];
	}

	public function send( Row $row ): ?Answer {
		$request = Request::post( (string) $row->payload['path'], (array) $row->payload['body'] );
		return $this->transport->send( $request->patient()->with_header( 'Idempotency-Key', $row->subject ) );
	}
}
