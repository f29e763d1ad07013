<?php
/**
 * Connects the site.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Connection;

use TokenBridge\Bridge\Answer;
use TokenBridge\Bridge\HttpTransport;
use TokenBridge\Bridge\Request;
use WP_Error;

defined( 'ABSPATH' ) || exit;

/**
 * Trades a one-time code for an access key. Returns a `WP_Error` with a sentence for people if that fails.
 */
final class Connector {

	private const LOCK = 'token_bridge_connecting';

	/** @var ConnectionOption */
	private $option;

	public function __construct( ConnectionOption $option ) {
		$this->option = $option;
	}

	/**
	 * Connects the whole site with a connect code.
	 *
	 * @return Connection|WP_Error
	 */
	public function connect( string $pasted ) {
		$code = ConnectCode::find( $pasted );
		if ( null === $code ) {
			return new WP_Error( 'token_bridge_bad_code', __( 'This is not a connect code. Copy the whole code from the page "Connect a WordPress site" of the console; it begins with the address of Token Bridge.', 'token-bridge' ) );
		}
		return $this->alone(
			function () use ( $code ) {
				$answer = $this->trade( $code->url(), '/v1/connect', $this->connect_body( $code ) );
				return $this->store( $answer, $this->store_values( $answer, $code->url() ) );
			}
		);
	}

	/**
	 * Links the site to one account with a link code.
	 *
	 * @return Connection|WP_Error
	 */
	public function link( string $url, string $code ) {
		$url = untrailingslashit( esc_url_raw( trim( $url ), [ 'http', 'https' ] ) );
		if ( '' === $url || '' === trim( $code ) ) {
			return new WP_Error( 'token_bridge_bad_code', __( 'Enter the address of Token Bridge, such as https://tokens.example, and the link code.', 'token-bridge' ) );
		}
		return $this->alone(
			function () use ( $url, $code ) {
				$body   = [ 'code' => trim( $code ) ] + $this->site();
				$answer = $this->trade( $url, '/v1/link', $body );
				return $this->store( $answer, $this->site_values( $answer, $url ) );
			}
		);
	}

	/**
	 * Links the site by a call that needs no code of this site.
	 *
	 * @param callable             $call Gets address and name of the site; returns the bridge's answer with an access key.
	 * @param string               $url  The bridge's address.
	 * @param array<string, mixed> $more Values to store with the connection.
	 * @return Connection|WP_Error
	 */
	public function link_by( callable $call, string $url, array $more ) {
		return $this->alone(
			function () use ( $call, $url, $more ) {
				$answer = $call( $this->site() );
				return $this->store( $answer, $more + $this->site_values( $answer, $url ) );
			}
		);
	}

	/**
	 * @return Connection|WP_Error
	 */
	private function alone( callable $act ) {
		$lock = new Lock( self::LOCK );
		if ( ! $lock->take() ) {
			return new WP_Error( 'token_bridge_busy', __( 'Another admin is connecting this site right now. Reload this page in a moment.', 'token-bridge' ) );
		}
		try {
			return $act();
		} finally {
			$lock->free();
		}
	}

	/**
	 * @param array<string, mixed> $body The request's body.
	 */
	private function trade( string $url, string $path, array $body ): Answer {
		return ( new HttpTransport( $url ) )->send( Request::post( $path, $body )->patient() );
	}

	/**
	 * @return array<string, mixed>
	 */
	private function connect_body( ConnectCode $code ): array {
		$site = $this->site() + [
			'timezone'    => wp_timezone_string(),
			'woocommerce' => class_exists( 'WooCommerce' ),
		];
		return [
			'code' => $code->secret(),
			'site' => $site,
		];
	}

	/**
	 * @return array{url: string, name: string}
	 */
	private function site(): array {
		$name = wp_specialchars_decode( get_bloginfo( 'name' ), ENT_QUOTES );
		return [
			'url'  => get_option( 'home' ),
			'name' => '' !== trim( $name ) ? $name : (string) wp_parse_url( get_option( 'home' ), PHP_URL_HOST ),
		];
	}

	/**
	 * @return array<string, mixed>
	 */
	private function store_values( Answer $answer, string $url ): array {
		$received = array_intersect_key( $answer->document(), array_flip( [ 'store', 'access_key', 'webhook_url', 'webhook_secret', 'topics', 'webhooks' ] ) );
		return [ 'kind' => Connection::STORE ] + $received + $this->common( $url );
	}

	/**
	 * @return array<string, mixed>
	 */
	private function site_values( Answer $answer, string $url ): array {
		$received = [
			'access_key' => $answer->field( 'access_key' ),
			'site_id'    => $answer->field( 'id' ),
		];
		return [ 'kind' => Connection::SITE ] + $received + $this->common( $url );
	}

	/**
	 * @return array<string, mixed>
	 */
	private function common( string $url ): array {
		return [
			'url'          => $url,
			'home'         => get_option( 'home' ),
			'connected_at' => time(),
		];
	}

	/**
	 * @param array<string, mixed> $values The values to store if the answer is a success.
	 * @return Connection|WP_Error
	 */
	private function store( Answer $answer, array $values ) {
		if ( ! $answer->is_ok() ) {
			return new WP_Error( 'token_bridge_' . $answer->code(), Sentences::about( $answer ) );
		}
		$connection = new Connection( $values );
		if ( ! $connection->is_connected() ) {
			return new WP_Error( 'token_bridge_bad_answer', __( 'The address in the code answered, but not as Token Bridge does. Check the address.', 'token-bridge' ) );
		}
		$this->option->save( $connection );
		return $connection;
	}
}
