<?php
/**
 * The checklist of the Connect screen.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Connection;

use TokenBridge\Bridge\Answer;
use TokenBridge\Bridge\Request;
use TokenBridge\Bridge\Transport;
use TokenBridge\Transfer\Progress;

defined( 'ABSPATH' ) || exit;

/**
 * Checks the connection from this side. The first failing check ends with what to do.
 */
final class Checklist {

	/** Seconds by which the two clocks may differ. */
	private const CLOCK_SECONDS = 300;

	/** Problems of the bridge that are listed. */
	private const MAX_ISSUES = 10;

	/** @var Connection */
	private $connection;

	/** @var Transport */
	private $transport;

	/** @var Webhooks */
	private $webhooks;

	public function __construct( Connection $connection, Transport $transport, Webhooks $webhooks ) {
		$this->connection = $connection;
		$this->transport  = $transport;
		$this->webhooks   = $webhooks;
	}

	/**
	 * Runs all checks that apply to this site.
	 *
	 * @return CheckResult[]
	 */
	public function run(): array {
		$path   = $this->connection->is_store() ? '/v1/store' : '/v1/account';
		$answer = $this->transport->send( Request::get( $path )->patient() );
		$found  = [ $this->access( $answer ), $this->clock( $answer ), $this->address() ];
		if ( $this->connection->is_store() ) {
			$found = array_merge( $found, [ $this->shop(), $this->webhooks(), $this->rest_access(), $this->transfer() ] );
		}
		$found[] = $this->background();
		$found   = array_merge( $found, $this->connection->is_store() ? $this->seen_by_bridge() : [] );
		return array_values( array_filter( $found ) );
	}

	private function access( Answer $answer ): CheckResult {
		if ( ! $answer->is_ok() ) {
			return new CheckResult( 'access', CheckResult::FAILED, Sentences::about( $answer ) );
		}
		return new CheckResult( 'access', CheckResult::OK, __( 'Token Bridge answers and accepts the access key of this site.', 'token-bridge' ) );
	}

	private function clock( Answer $answer ): ?CheckResult {
		$theirs = strtotime( $answer->header( 'date' ) );
		if ( ! $theirs ) {
			return null;
		}
		$difference = abs( time() - $theirs );
		if ( $difference <= self::CLOCK_SECONDS ) {
			return new CheckResult( 'clock', CheckResult::OK, __( 'The clocks of both servers agree.', 'token-bridge' ) );
		}
		/* translators: %s: a duration such as "1 hour" */
		$sentence = __( 'The clocks of this server and of Token Bridge differ by %s. Set both by NTP: signatures and limits depend on the time.', 'token-bridge' );
		return new CheckResult( 'clock', CheckResult::WARNING, sprintf( $sentence, human_time_diff( 0, $difference ) ) );
	}

	private function address(): CheckResult {
		$url = $this->connection->url();
		if ( 0 === strpos( $url, 'https://' ) ) {
			return new CheckResult( 'address', CheckResult::OK, __( 'The connection is encrypted.', 'token-bridge' ) );
		}
		if ( ConnectCode::is_loopback( $url ) ) {
			return new CheckResult( 'address', CheckResult::WARNING, __( 'Token Bridge runs on this machine and without https: right for a trial. WooCommerce refuses to deliver its own webhooks to such an address; the deliveries of this plugin work. Other people cannot open the console.', 'token-bridge' ) );
		}
		return new CheckResult( 'address', CheckResult::FAILED, __( 'Token Bridge is used without https, so the access key and personal data can be read on the way. Give it a certificate and connect again.', 'token-bridge' ) );
	}

	private function shop(): CheckResult {
		if ( class_exists( 'WooCommerce' ) ) {
			return new CheckResult( 'shop', CheckResult::OK, __( 'WooCommerce is active.', 'token-bridge' ) );
		}
		return new CheckResult( 'shop', CheckResult::WARNING, __( 'WooCommerce is not active, so this site sells no tokens. Everything else works.', 'token-bridge' ) );
	}

	private function webhooks(): ?CheckResult {
		if ( ! class_exists( 'WooCommerce' ) ) {
			return null;
		}
		$missing = $this->webhooks->missing( $this->connection );
		if ( ! $missing ) {
			return new CheckResult( 'webhooks', CheckResult::OK, __( 'All webhooks are present and active.', 'token-bridge' ) );
		}
		/* translators: %s: list of topics */
		$sentence = __( 'Webhooks are missing or switched off: %s. Click "Repair".', 'token-bridge' );
		return new CheckResult( 'webhooks', CheckResult::FAILED, sprintf( $sentence, implode( ', ', $missing ) ) );
	}

	private function rest_access(): ?CheckResult {
		if ( ! class_exists( 'WooCommerce' ) ) {
			return null;
		}
		if ( $this->connection->rest_key_id() > 0 ) {
			return new CheckResult( 'rest_access', CheckResult::OK, __( 'Token Bridge can read orders from this shop.', 'token-bridge' ) );
		}
		$why = (string) ( $this->connection->values()['rest_problem'] ?? '' );
		/* translators: %s: reason */
		$sentence = __( 'Token Bridge cannot read orders from this shop, so it cannot fetch what a delivery leaves open. Check that no security plugin blocks the REST API, then click "Repair". (%s)', 'token-bridge' );
		return new CheckResult( 'rest_access', CheckResult::WARNING, sprintf( $sentence, $why ) );
	}

	private function transfer(): CheckResult {
		$progress = Progress::load();
		if ( '' !== $progress->problem() ) {
			return new CheckResult( 'transfer', CheckResult::WARNING, $progress->problem() );
		}
		if ( Progress::DONE === $progress->state() ) {
			return new CheckResult( 'transfer', CheckResult::OK, __( 'All users and packages were sent.', 'token-bridge' ) );
		}
		return new CheckResult( 'transfer', CheckResult::WAITING, __( 'Users and packages are being sent in the background.', 'token-bridge' ) );
	}

	/**
	 * Returns the problems that the bridge has found with this shop.
	 *
	 * @return CheckResult[]
	 */
	private function seen_by_bridge(): array {
		$health = $this->transport->send( Request::get( '/v1/store/health' )->patient() )->document();
		$found  = [];
		foreach ( array_slice( (array) ( $health['issues'] ?? [] ), 0, self::MAX_ISSUES ) as $issue ) {
			$found[] = new CheckResult( 'issue', CheckResult::WARNING, ucfirst( (string) ( $issue['sentence'] ?? '' ) ) );
		}
		return $found;
	}

	private function background(): CheckResult {
		$next = _get_cron_array();
		$late = $next ? time() - (int) min( array_keys( $next ) ) : 0;
		if ( $late < 15 * MINUTE_IN_SECONDS ) {
			return new CheckResult( 'background', CheckResult::OK, __( 'Background tasks of this site run.', 'token-bridge' ) );
		}
		/* translators: %s: a duration such as "1 hour" */
		$sentence = __( 'Background tasks of this site are %s late. Check that WP-Cron or a system cron runs wp-cron.php.', 'token-bridge' );
		return new CheckResult( 'background', CheckResult::WARNING, sprintf( $sentence, human_time_diff( 0, $late ) ) );
	}
}
