<?php
/**
 * The bridge's events.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Events;

use TokenBridge\Bridge\Request;
use TokenBridge\Bridge\Transport;
use TokenBridge\Connection\Connection;

defined( 'ABSPATH' ) || exit;

/**
 * Subscribes this site to events, and ends the subscription.
 */
final class EventEndpoint {

	private const TYPES = [ 'balance.low', 'balance.exhausted', 'balance.replenished', 'allowance.exhausted', 'allowance.reset', 'grant.created', 'grant.reversed' ];

	/** @var Transport */
	private $transport;

	public function __construct( Transport $transport ) {
		$this->transport = $transport;
	}

	/**
	 * Returns the connection with a subscription; unchanged if it has one, or the bridge cannot call this site.
	 */
	public function subscribe( Connection $connection ): Connection {
		if ( '' !== $connection->event_endpoint()['id'] ) {
			return $connection;
		}
		$body   = [
			'url'   => rest_url( EventReceiver::SPACE . EventReceiver::ROUTE ),
			'types' => self::TYPES,
		];
		$answer = $this->transport->send( Request::post( '/v1/event-endpoints', $body )->patient() );
		if ( ! $answer->is_ok() ) {
			return $connection;
		}
		return $connection->with(
			[
				'event_endpoint' => $answer->field( 'id' ),
				'event_secret'   => $answer->field( 'secret' ),
			]
		);
	}

	public function unsubscribe( Connection $connection ): void {
		$id = $connection->event_endpoint()['id'];
		if ( '' !== $id ) {
			$this->transport->send( Request::delete( '/v1/event-endpoints/' . rawurlencode( $id ) )->patient() );
		}
	}
}
