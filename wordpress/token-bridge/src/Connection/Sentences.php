<?php
/**
 * Sentences about answers of the bridge.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Connection;

use TokenBridge\Bridge\Answer;

defined( 'ABSPATH' ) || exit;

/**
 * Says what failed, why, and what to do next, for people who set the site up.
 */
final class Sentences {

	/**
	 * Returns a sentence for an answer that is not a success.
	 */
	public static function about( Answer $answer ): string {
		$known = self::known();
		if ( isset( $known[ $answer->code() ] ) ) {
			return $known[ $answer->code() ];
		}
		if ( Answer::UNREACHABLE === $answer->code() ) {
			return self::unreachable( $answer->text() );
		}
		return '' !== $answer->field( 'detail' ) ? $answer->field( 'detail' ) : self::unexpected( $answer );
	}

	/**
	 * @return array<string, string> Sentences by code.
	 */
	private static function known(): array {
		return [
			Answer::NOT_CONNECTED  => __( 'This site is not connected to Token Bridge. Connect it under Token Bridge → Connect.', 'token-bridge' ),
			Answer::COPIED         => __( 'This site has another address than the one that was connected, so it may be a copy. Nothing is sent until an admin confirms the address under Token Bridge → Connect.', 'token-bridge' ),
			Answer::PAUSED         => __( 'Token Bridge did not answer a moment ago. Try again in a minute.', 'token-bridge' ),
			'unauthorized'         => __( 'Token Bridge does not accept the access key of this site. It was changed or removed. Connect the site again with a new code.', 'token-bridge' ),
			'http_404'             => __( 'There is no Token Bridge at this address, or it is too old for this plugin. Check the address in the code, and update Token Bridge.', 'token-bridge' ),
			'unknown_connect_code' => __( 'This code is unknown. It may have expired. Create a new code on the page "Connect a WordPress site" of the console.', 'token-bridge' ),
			'connect_code_used'    => __( 'This code was used already. Create a new code on the page "Connect a WordPress site" of the console.', 'token-bridge' ),
			'connect_code_expired' => __( 'This code has expired. Create a new code on the page "Connect a WordPress site" of the console.', 'token-bridge' ),
			'unknown_link_code'    => __( 'This link code is unknown. It may have expired. Create a new one in your account.', 'token-bridge' ),
			'link_code_used'       => __( 'This link code was used already. Create a new one in your account.', 'token-bridge' ),
		];
	}

	private static function unreachable( string $why ): string {
		if ( false !== stripos( $why, 'certificate' ) || false !== stripos( $why, 'ssl' ) ) {
			/* translators: %s: technical reason */
			return sprintf( __( 'The certificate of Token Bridge is not valid, so nothing was sent. Install a valid certificate there, then try again. (%s)', 'token-bridge' ), $why );
		}
		/* translators: %s: technical reason */
		return sprintf( __( 'Token Bridge cannot be reached. Check that it runs, and that this server may call it. (%s)', 'token-bridge' ), $why );
	}

	private static function unexpected( Answer $answer ): string {
		/* translators: %d: HTTP status */
		return sprintf( __( 'Token Bridge answered with status %d. Try again, and look at its log if this continues.', 'token-bridge' ), $answer->status() );
	}
}
